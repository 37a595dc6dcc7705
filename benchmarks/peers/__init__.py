"""The peers, each in its fastest documented durable configuration; a worker program beside each that needs one."""
