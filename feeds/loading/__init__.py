"""Records -> rows, in one transaction, with a report.

For other rooms: `loader.load`, `checking.check`, `report.Report`. What a file says
is decided in `records`, how rows are stored in `store`; here is decided which
copy of a record stays, and what changed.
"""
