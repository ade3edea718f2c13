"""The window around the pages: header, notices, docks, menus, status line, and the windows that it opens.

`main_window` puts it together: `header` (fleet figures as `figure_view`, gateways as `gateway_chips`), `notices` below
it, `page_docks` of `docks` around the table, where details have their `kept_width`, `status` at the foot; `bars` brings
what tells the time up to now, `menus` and `panes` are its keys. It opens `dialogs`, `export_dialog` and `diagnostics`.
"""
