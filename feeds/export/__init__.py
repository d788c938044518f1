"""The site as files, in a folder (`directory`) or in an object store (`object_store`).

One algorithm writes both (`writer`). For other rooms: `writer.write` into a target,
`directory.Folder` or `object_store.ObjectStore`, and `plan.SiteSelection`, the part of the site
to write. The bytes are those that `serving` sends.
"""
