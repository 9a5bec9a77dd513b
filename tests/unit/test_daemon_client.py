"""The web's conversation with the daemon, while its own client may send what nobody reads, and go."""

import socket

from paas.web.daemon_client import Conversation


def test_it_ends_with_a_client_who_has_sent_more_than_its_request():
    server, mine = socket.socketpair()
    client, watched = socket.socketpair()
    with server, mine, watched:
        client.sendall(b"a body that nobody asked for")
        client.close()
        # Not a sign of life for one who is gone, and not one after the other for one who is there.
        assert next(Conversation(mine, b"").frames(watched), None) is None
