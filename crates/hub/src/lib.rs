//! Model names to files: catalogue, download, verify, caches.
