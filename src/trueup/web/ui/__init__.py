"""Pages for people: plain functions that gather, decide and show; one file a page."""
