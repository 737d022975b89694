"""The server: its composition and life as a service. `gate` is shared by all front ends; `json` is one of them."""
