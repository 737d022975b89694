"""Small pictures of pictures for the page: drawn in a process with limits, kept in a database with a bound."""
