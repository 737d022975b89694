"""Share links below `/s/TOKEN/`: small pages without a script, downloads, and forms that add files."""
