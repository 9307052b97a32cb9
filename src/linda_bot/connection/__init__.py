"""The life of a link: restore, link, stay connected, end well."""
