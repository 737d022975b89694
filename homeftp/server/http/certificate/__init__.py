"""The public page that explains how to install the home's certificate authority, and the files that it links to."""
