"""What a store needs besides its server, where its own image has no program for it: log-ins, metrics, restores."""
