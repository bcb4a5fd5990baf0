"""The way to the tracking server and its artifact store and back: what is waited for, sent again, proved whole."""
