"""Version 3 of the SSH File Transfer Protocol (draft-ietf-secsh-filexfer-02) as bytes: nothing is sent here."""
