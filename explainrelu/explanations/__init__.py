"""Rules, rankings and attributions read off the linear regions."""
