// Threads that wait for work sleep, unless the user has said how they should wait.
#pragma once

namespace laser {

/// The runtime of OpenMP reads its environment when it is loaded, before main: where it says nothing
/// on waiting, this starts the program anew with OMP_WAIT_POLICY=passive, as the same process. By
/// default waiting threads spin, which on a machine with other work costs two to seven times the
/// processor time and much of the speed. Only for the commands that compute on several threads for
/// long. Called once, first of all.
void let_waiting_threads_sleep(char** argv);

}  // namespace laser
