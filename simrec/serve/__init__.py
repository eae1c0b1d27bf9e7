"""A browser's and a site's door: pages for people and a JSON API, over the face."""
