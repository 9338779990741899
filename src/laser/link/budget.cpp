#include "laser/link/budget.hpp"

#include "laser/core/arguments.hpp"
#include "laser/link/units.hpp"

namespace laser::link {
namespace {

double noise_dbm(const Radio& radio) {
  return dbm_of_watts(noise_watts(radio.bandwidth, radio.noise_figure_db));
}

}  // namespace

Reception budget(const Radio& radio) {
  require_positive("the utilisation", radio.utilisation);
  Reception result;
  result.path_loss_db = path_loss_db(radio.path_loss, radio.distance, radio.carrier);
  result.received_dbm = radio.transmit_dbm - result.path_loss_db;
  result.noise_dbm = noise_dbm(radio);
  result.snr_db = result.received_dbm - result.noise_dbm;
  return result;
}

double transmit_dbm_for(const Radio& radio, double snr_db) {
  return snr_db + noise_dbm(radio) + path_loss_db(radio.path_loss, radio.distance, radio.carrier);
}

double distance_for(const Radio& radio, double snr_db) {
  return distance_of_loss(radio.path_loss, radio.transmit_dbm - noise_dbm(radio) - snr_db, radio.carrier);
}

double bandwidth_for(const Radio& radio, double snr_db) {
  const double received = radio.transmit_dbm - path_loss_db(radio.path_loss, radio.distance, radio.carrier);
  return watts_of_dbm(received - snr_db) / noise_watts(1, radio.noise_figure_db);
}

}  // namespace laser::link
