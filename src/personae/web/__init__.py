"""The HTTP server: the same verbs as the library's, over JSON."""
