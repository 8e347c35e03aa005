"""Commands for those who work on personae."""
