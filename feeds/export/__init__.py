"""The site as files: here (`directory`) or in object storage (`object_store`).

For other rooms: `directory.export`, `object_store.publish`, and `plan.SiteSelection`,
what of the site is asked for. The bytes are those that `serving` sends.
"""
