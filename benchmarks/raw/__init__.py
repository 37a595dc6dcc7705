"""Raw limits: what this machine's disk and the two databases can do with no engine above them."""
