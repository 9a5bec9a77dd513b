"""Every work item, in the order of the table."""

from __future__ import annotations

from bench.rows.besieged import Mixed, Storm
from bench.rows.commands import ConfigSet, Create, Destroy, List, ListMany, Local
from bench.rows.followers import Followers, FollowersOverApi
from bench.rows.isolation import IsolatedPush
from bench.rows.logs import Follow, Tail
from bench.rows.pushes import CodePush, FirstPush, LargePush, ManyClients
from bench.rows.resources import Resident, Start
from bench.rows.rollouts import DestroyRunning, NoFailures, Rollback, Scale
from bench.rows.traffic import Requests
from bench.work import Work

ROWS: tuple[type[Work], ...] = (
    *(CodePush, LargePush, IsolatedPush, FirstPush, Scale, Rollback),
    *(Create, Destroy, DestroyRunning, ConfigSet, List, ListMany, Local, Mixed, Storm),
    *(Requests, NoFailures, Tail, Follow, Followers, FollowersOverApi, Resident, Start, ManyClients),
)
