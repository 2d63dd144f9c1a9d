"""The ways to prove a property of the scores, and the files that state one."""
