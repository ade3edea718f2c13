"""The window around the pages: header, notices, docks, menus, status line, and the windows that it opens."""
