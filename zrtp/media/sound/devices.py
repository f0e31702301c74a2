"""The sound devices of this computer, and choosing among them by name."""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.media.sound.errors import AudioError
from zrtp.media.sound.portaudio import reason, sounddevice


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A sound device of this computer."""

    number: int
    name: str
    system: str
    """The sound system it belongs to, such as ALSA."""
    microphone: bool
    loudspeaker: bool
    default_microphone: bool
    default_loudspeaker: bool


def devices() -> list[Device]:
    """All sound devices. Raises BackendUnavailable without sounddevice, AudioError if the sound system fails."""
    package = sounddevice()
    try:
        found, systems = package.query_devices(), package.query_hostapis()
        default_in, default_out = package.default.device
    except Exception as error:  # whatever the sound system says
        raise AudioError(f"The sound devices cannot be listed: {reason(error)}.") from error
    return [
        Device(
            number=number,
            name=str(device["name"]),
            system=str(systems[device["hostapi"]]["name"]),
            microphone=device["max_input_channels"] > 0,
            loudspeaker=device["max_output_channels"] > 0,
            default_microphone=number == default_in,
            default_loudspeaker=number == default_out,
        )
        for number, device in enumerate(found)
    ]


def find_microphone(name: str | None = None) -> Device:
    """The microphone of that name, part of a name, or number; the default one without a name. Raises like `devices`."""
    found = [device for device in devices() if device.microphone]
    return _chosen("microphone", found, [device for device in found if device.default_microphone], name)


def find_loudspeaker(name: str | None = None) -> Device:
    """The same for a loudspeaker."""
    found = [device for device in devices() if device.loudspeaker]
    return _chosen("loudspeaker", found, [device for device in found if device.default_loudspeaker], name)


def _chosen(kind: str, found: list[Device], default: list[Device], name: str | None) -> Device:
    if not found:
        raise AudioError(f"This computer has no {kind}; connect one, or send something else than a microphone's sound.")
    if name is None:
        return (default or found)[0]
    wanted = name.casefold()
    exact = [device for device in found if wanted in (device.name.casefold(), str(device.number))]
    matching = exact or [device for device in found if wanted in device.name.casefold()]
    if not matching:
        names = ", ".join(f'"{device.name}"' for device in found)
        raise AudioError(f'There is no {kind} named "{name}"; there is {names}.')
    if len(matching) > 1:
        numbers = ", ".join(f'{device.number} "{device.name}"' for device in matching)
        raise AudioError(f'More than one {kind} is named "{name}"; choose a number: {numbers}.')
    return matching[0]
