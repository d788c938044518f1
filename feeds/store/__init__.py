"""One database that loading and serving meet in: SQLite, or PostgreSQL.

For other rooms: `database.Store`, `reader.Reader` (all queries of who reads),
`schema` (the tables, for who writes), `recovery` (stores that go on when the
database is damaged or can't be written).
"""
