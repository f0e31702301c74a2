"use strict";

const STATES = {
  idle: "Ringing",
  securing: "Not secure yet: nothing leaves",
  secure: "Secure",
  clear: "NOT ENCRYPTED: everybody on the way can hear this call",
  blocked: "Nothing is sent",
};
const cards = new Map();

function stateOf(call) {
  if (call.phase === "ended") return "Ended";
  if (call.mismatch) return "The words differ: somebody is listening in between. The sound is cut off.";
  if (call.state !== "secure") return STATES[call.state];
  if (call.verified) return "Secure and verified";
  if (call.assurance === "mismatch") return "Insecure until compared";
  return "Secure, but not verified";
}

function cardOf(call) {
  if (!cards.has(call.call)) {
    const article = document.getElementById("call").content.cloneNode(true).querySelector("article");
    article.dataset.call = call.call;
    article.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    for (const button of article.querySelectorAll("button")) {
      button.addEventListener("click", () => judge(article, button.value));
    }
    document.getElementById("calls").prepend(article);
    cards.set(call.call, article);
  }
  return cards.get(call.call);
}

function show(call) {
  const article = cardOf(call);
  const words = call.words ? (call.sas.includes(":") ? call.words.join("   ") : call.letters) : "";
  const asked = Boolean(call.sas) && call.phase !== "ended" && !call.mismatch;
  if (article.dataset.sas !== (call.sas || "")) article.querySelector(".answer").textContent = "";
  article.dataset.sas = call.sas || "";
  article.dataset.state = call.state;
  article.dataset.verified = call.verified;
  put(article, "h2", `${call.call}. ${call.direction === "out" ? "To" : "From"} ${call.who}`);
  put(article, ".state", stateOf(call));
  put(article, ".words", words);
  put(article, ".aside", call.sas ? (words === call.letters ? call.words.join(" ") : `letters ${call.letters}`) : "");
  put(article, ".notice", call.notice || "");
  article.querySelector("form").hidden = !asked;
  article.querySelector("input").placeholder = call.name || call.peer;
  article.className = call.phase === "ended" ? "ended"
    : call.mismatch || call.state === "clear" || call.state === "blocked" ? "danger"
    : call.state === "secure" ? (call.verified ? "verified" : "secure") : "";
}

function put(article, selector, text) {
  const element = article.querySelector(selector);
  if (element.textContent !== text) element.textContent = text;
}

async function judge(article, verdict) {
  const answer = article.querySelector(".answer");
  const about = { call: Number(article.dataset.call), words: article.dataset.sas, verdict };
  const name = article.querySelector("input").value.trim();
  if (name) about.name = name;
  try {
    const response = await fetch("/verdict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(about),
    });
    answer.textContent = (await response.text()).trim();
  } catch {
    answer.textContent = "The proxy does not answer.";
  }
}

function update(state) {
  document.getElementById("none").hidden = state.calls.length > 0;
  const known = new Set(state.calls.map((call) => call.call));
  for (const [number, article] of cards) {
    if (!known.has(number)) {
      article.remove();
      cards.delete(number);
    }
  }
  for (const call of state.calls) show(call);
  const list = document.getElementById("notices");
  if (list.dataset.shown !== JSON.stringify(state.notices)) {
    list.dataset.shown = JSON.stringify(state.notices);
    list.replaceChildren(...state.notices.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  }
}

const events = new EventSource("/events");
const connection = document.getElementById("connection");
events.onmessage = (event) => {
  connection.textContent = "";
  update(JSON.parse(event.data));
};
events.onerror = () => {
  connection.textContent = "The proxy does not answer. What stands here may be old.";
};
