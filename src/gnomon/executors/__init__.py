"""Where the code of a job runs: one file a kind, one contract.

==============  =======================  ===========================================  ==================
name            executor                 runs                                         timeouts, cancel
==============  =======================  ===========================================  ==================
``threads``     ``ThreadsExecutor``      functions, in threads of this process        not enforced; asks
``asyncio``     ``CoroutinesExecutor``   coroutine functions, in one event loop       at the next await
``processes``   ``ProcessesExecutor``    functions, in worker processes               enforced
``command``     ``CommandsExecutor``     shell commands (``run_command``)             enforced
==============  =======================  ===========================================  ==================
"""

from gnomon.executors.commands import CommandFailed, CommandsExecutor, run_command
from gnomon.executors.contract import Execution, Executor, Outcome, Reports
from gnomon.executors.coroutines import CoroutinesExecutor
from gnomon.executors.current import CurrentRun, current_run
from gnomon.executors.processes import ProcessesExecutor
from gnomon.executors.threads import ThreadsExecutor
from gnomon.executors.worker import is_coming_up

__all__ = [
    "CommandFailed",
    "CommandsExecutor",
    "CoroutinesExecutor",
    "CurrentRun",
    "Execution",
    "Executor",
    "Outcome",
    "ProcessesExecutor",
    "Reports",
    "ThreadsExecutor",
    "current_run",
    "is_coming_up",
    "run_command",
]
