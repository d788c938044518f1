"""Logs, and figures for Prometheus.

For other rooms: `log` (one line), `log_setup`, `metrics.Metrics`,
`observer.Observer` (sees each request pass).
Nothing here ever fails a request.
"""
