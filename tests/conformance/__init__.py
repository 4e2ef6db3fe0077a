"""The same protocol cases against the mock and against the real Runtime Interface Emulator."""
