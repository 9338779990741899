from laser import arena as arena, channels as channels, figures as figures, parts as parts, power as power, testing as testing
from laser import theory as theory
from laser.aggregation import Aggregator as Aggregator, Training as Training, aggregate as aggregate
from laser.ddp import LaserState as LaserState, bf16_wrapper as bf16_wrapper, laser_hook as laser_hook
from laser.listing import methods as methods, settings as settings
from laser.native import Error as Error
from laser.plotting import plot as plot
from laser.parts import Allocation as Allocation, Arrived as Arrived, Blocks as Blocks, Channel as Channel, Compressor as Compressor
from laser.parts import Exchange as Exchange, Feedback as Feedback, Receiver as Receiver
from laser.simulator import Simulator as Simulator
from laser.reading import SharedBudget as SharedBudget
from laser.stateful import Stateful as Stateful
from laser.runs import Run as Run, load_run as load_run, load_runs as load_runs, records as records

__version__: str
