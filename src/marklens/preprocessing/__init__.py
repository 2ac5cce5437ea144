"""From a picture to the views that get embedded; indexing, querying and training share this very code."""
