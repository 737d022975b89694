"""Values and names of trees of a million files, in little memory."""
