"""Sound: devices, WAV files, G.711 and the playout of received packets."""
