from laser import channels as channels, figures as figures, power as power, theory as theory
from laser.aggregation import Aggregator as Aggregator, Training as Training, aggregate as aggregate
from laser.ddp import LaserState as LaserState, bf16_wrapper as bf16_wrapper, laser_hook as laser_hook
from laser.native import Error as Error
from laser.settings import SharedBudget as SharedBudget
from laser.runs import Run as Run, load_run as load_run, load_runs as load_runs

__version__: str
