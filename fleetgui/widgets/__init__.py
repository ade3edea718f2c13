"""Windows, pages, plots and forms: they show models and stores and emit intent, and never see feeds or the link.

Everything here runs on the loop's thread. No widget starts a nested `exec()`; text that came from a device is drawn as
plain text. `theme` has the colours, fonts and measures, `glyphs` the marks of states, `main_window` the frame that the
pages are put into.
"""
