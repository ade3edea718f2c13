"""Windows, pages, plots and forms: they show models and stores and emit intent, and never see feeds or the link.

Everything here runs on the loop's thread. No widget starts a nested `exec()`; text that came from a device is drawn as
plain text. `look` has the colours, fonts and marks of states, `parts` what pages are built of, `window` the frame that
the pages are put into; each page has a package, and its `page` is what stands in the dock.
"""
