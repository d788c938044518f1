"""Bytes of a file -> a Record; no database.

For other rooms: `scanner.scan` (a folder -> its files), `pool.read_all` (files ->
`outcome.FileReading`s, on all processors), `parser.parse_record` (bytes -> Record).
The rest is how these read front matter fast, and exactly as YAML says.
"""
