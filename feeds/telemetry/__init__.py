"""Logs, figures, and who polls what.

For other rooms: `log` (one line), `log_setup`, `metrics.Metrics`, `counter`,
`observer.Observer` (sees each request pass), `poll_store` and `poll_report`.
Nothing here ever fails a request.
"""
