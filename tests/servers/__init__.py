"""Servers that tests start: real HTTP on a free port of this machine."""
