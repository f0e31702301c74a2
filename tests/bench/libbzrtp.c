/* CPU time of complete handshakes of libbzrtp with itself, through its public header alone.
 *
 *     libbzrtp SUITE COUNT        SUITE: DH2k, DH3k, X255, X448 or Mult
 *
 * Both ends live in this process; what one sends is handed to the other at once. For each handshake one line on
 * standard output: nanoseconds of CPU time from the creation of both contexts to both channels secure. "Mult" is a
 * second channel of a call that is secure already.
 */
#include <bzrtp/bzrtp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LONGEST = 1500, ROOM = 64, ROUNDS = 200, TICK_MS = 10 };

typedef struct {
	uint8_t octets[LONGEST];
	uint16_t length;
} datagram;

typedef struct {
	bzrtpContext_t *context;
	uint32_t ssrc;
	datagram outgoing[ROOM];
	int waiting;
} end;

static void fail(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static int on_send(void *client, const uint8_t *packet, uint16_t length) {
	end *sender = client;
	if (sender->waiting == ROOM || length > LONGEST)
		fail("more is sent than there is room for");
	memcpy(sender->outgoing[sender->waiting].octets, packet, length);
	sender->outgoing[sender->waiting++].length = length;
	return 0;
}

static const bzrtpCallbacks_t callbacks = {.bzrtp_sendData = on_send};

static void deliver(end *from, end *to) {
	static datagram moving[ROOM];
	int count = from->waiting;
	memcpy(moving, from->outgoing, sizeof(datagram) * count);
	from->waiting = 0;
	for (int i = 0; i < count; i++)
		bzrtp_processMessage(to->context, to->ssrc, moving[i].octets, moving[i].length);
}

static int secure(const end *one) {
	return bzrtp_getChannelStatus(one->context, one->ssrc) == BZRTP_CHANNEL_SECURE;
}

static void open_call(end *one, uint32_t ssrc, uint8_t agreement) {
	uint8_t agreements[7] = {agreement}, ciphers[7] = {ZRTP_CIPHER_AES1}, hashes[7] = {ZRTP_HASH_S256};
	one->context = bzrtp_createBzrtpContext();
	one->ssrc = ssrc;
	one->waiting = 0;
	bzrtp_setSupportedCryptoTypes(one->context, ZRTP_KEYAGREEMENT_TYPE, agreements, 1);
	bzrtp_setSupportedCryptoTypes(one->context, ZRTP_CIPHERBLOCK_TYPE, ciphers, 1);
	bzrtp_setSupportedCryptoTypes(one->context, ZRTP_HASH_TYPE, hashes, 1);
	if (bzrtp_setCallbacks(one->context, &callbacks) || bzrtp_initBzrtpContext(one->context, ssrc))
		fail("a context cannot be set up");
}

static void run(end *alice, end *bob) {
	bzrtp_setClientData(alice->context, alice->ssrc, alice);
	bzrtp_setClientData(bob->context, bob->ssrc, bob);
	if (bzrtp_startChannelEngine(alice->context, alice->ssrc) || bzrtp_startChannelEngine(bob->context, bob->ssrc))
		fail("a channel does not start");
	for (uint64_t now = 0; now < ROUNDS * TICK_MS; now += TICK_MS) {
		bzrtp_iterate(alice->context, alice->ssrc, now);
		bzrtp_iterate(bob->context, bob->ssrc, now);
		while (alice->waiting || bob->waiting) {
			deliver(alice, bob);
			deliver(bob, alice);
		}
		if (secure(alice) && secure(bob))
			return;
	}
	fail("the handshake does not finish");
}

static int64_t cpu_time(void) {
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void handshake(uint8_t agreement, int second_channel) {
	static end alice, bob, alice_second, bob_second;
	int64_t start = cpu_time();
	open_call(&alice, 1, agreement);
	open_call(&bob, 2, agreement);
	run(&alice, &bob);
	if (second_channel) {
		alice_second = (end){.context = alice.context, .ssrc = 3};
		bob_second = (end){.context = bob.context, .ssrc = 4};
		start = cpu_time();
			if (bzrtp_addChannel(alice.context, 3) || bzrtp_addChannel(bob.context, 4))
			fail("a second channel cannot be added");
		run(&alice_second, &bob_second);
	}
	printf("%lld\n", (long long)(cpu_time() - start));
	if (second_channel) {
		bzrtp_destroyBzrtpContext(alice.context, 3);
		bzrtp_destroyBzrtpContext(bob.context, 4);
	}
	bzrtp_destroyBzrtpContext(alice.context, 1);
	bzrtp_destroyBzrtpContext(bob.context, 2);
}

int main(int count, char **arguments) {
	static const struct { const char *name; uint8_t code; } suites[] = {
		{"DH2k", ZRTP_KEYAGREEMENT_DH2k}, {"DH3k", ZRTP_KEYAGREEMENT_DH3k}, {"X255", ZRTP_KEYAGREEMENT_X255},
		{"X448", ZRTP_KEYAGREEMENT_X448}, {"Mult", ZRTP_KEYAGREEMENT_X255},
	};
	if (count != 3)
		fail("usage: libbzrtp SUITE COUNT");
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
		if (strcmp(arguments[1], suites[i].name) == 0) {
			for (int left = atoi(arguments[2]); left > 0; left--)
				handshake(suites[i].code, strcmp(arguments[1], "Mult") == 0);
			return 0;
		}
	}
	fail("no such suite");
}
