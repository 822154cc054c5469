"""Things to start from: backends to check, and a reader of the oracle's files in C."""
