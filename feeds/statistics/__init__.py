"""Statistics of readers: who polls what, and how many subscribe.

`counter` counts requests, `user_agents` names who made them, `poll_store` keeps them by
hour and day, `poll_report` works out a period. `page` (/stats/, `plots`, `stats.html` of
rendering) and `table` (`feeds stats`) show it. Nothing here ever fails a request.
"""
