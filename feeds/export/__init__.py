"""The site as files, in a folder (`directory`) or in an object store (`object_store`).

One algorithm writes both (`writer`). For other rooms: `directory.export`, `object_store.publish`,
and `plan.SiteSelection`, the part of the site to write. The bytes are those that `serving` sends.
"""
