"""The web: what answers HTTP. Health so far, and pulses; the console and the API come to live here."""
