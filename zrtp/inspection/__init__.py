"""What a recording of a call shows, and who could have heard it. Nothing here knows a terminal."""
