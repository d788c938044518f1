"""The process that loads and tells: it follows the folder, hubs and caches.

For other rooms: `follower.FolderFollower`, `websub.once`, `purging.purge` and
`purging.changed`. It never imports `serving`, nor `serving` it: they meet in the store.
"""
