"""The process that answers: application, views, prepared documents, servers.

For other rooms: `app.create_app`, `document_store.DocumentStore`, `documents.Document`,
`server.run`. It never imports `follower`: that is another process.
"""
