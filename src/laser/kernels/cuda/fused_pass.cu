// The fused pass on the GPU: all pieces of all matrices in one launch, a thread block a piece, then one
// launch that adds the pieces up.
#include <limits>
#include <stdexcept>

#include "laser/kernels/cuda/check.hpp"
#include "laser/kernels/cuda/kernels.hpp"
#include "laser/kernels/fused_pass_device.hpp"

namespace laser::cuda {
namespace {

/// A thread block as a team.
struct ThreadBlock {
  template <class Use>
  __device__ void each(const Use& use) const {
    use(std::size_t{threadIdx.x});
    __syncthreads();
  }
};

/// Everything that the launches read and write, in one piece of device memory.
template <class M, class G>
struct PassTables {
  using Work = typename PassMatrix<M, G>::Work;
  PassMatrix<M, G>* matrices;
  device::PassPiece* pieces;
  std::size_t* first_piece;
  double* piece_squares;
  Work* scratch;
};

template <class M, class G, class Work = typename PassMatrix<M, G>::Work>
__global__ void __launch_bounds__(device::kThreads<Work>) pass_pieces(PassTables<M, G> tables) {
  __shared__ device::PassShared<Work> shared;
  const device::PassPiece piece = tables.pieces[blockIdx.x];
  const PassMatrix<M, G>& m = tables.matrices[piece.matrix];
  const bool own = piece.partial != device::PassPiece::kInPlace;
  Work* const right = own ? tables.scratch + piece.partial : m.right_factor;
  device::pass_piece(ThreadBlock(), m, piece, right, tables.piece_squares + blockIdx.x, shared);
}

constexpr unsigned kThreads = 256;
constexpr unsigned kBlocksAMatrix = 16;

/// Blocks [kBlocksAMatrix, matrices].
template <class M, class G, class Work = typename PassMatrix<M, G>::Work>
__global__ void __launch_bounds__(kThreads) add_pieces(PassTables<M, G> tables, double* squares) {
  const std::size_t matrix = blockIdx.y, first = tables.first_piece[matrix];
  const std::size_t pieces = tables.first_piece[matrix + 1] - first;
  const PassMatrix<M, G>& m = tables.matrices[matrix];
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    squares[matrix] = device::sum_of_pieces(tables.piece_squares + first, pieces, 1, 0);
  }
  const std::size_t partial = tables.pieces[first].partial, size = m.rank * m.columns;
  if (partial == device::PassPiece::kInPlace) return;
  for (std::size_t i = blockIdx.x * kThreads + threadIdx.x; i < size; i += kBlocksAMatrix * kThreads) {
    m.right_factor[i] = device::sum_of_pieces(tables.scratch + partial, pieces, size, i);
  }
}

/// Device memory that is given back in the order of the stream.
class StreamMemory {
 public:
  StreamMemory(std::size_t bytes, cudaStream_t stream) : stream_(stream) {
    check(cudaMallocAsync(&place_, bytes, stream), "memory of the fused pass");
  }
  ~StreamMemory() { cudaFreeAsync(place_, stream_); }
  StreamMemory(const StreamMemory&) = delete;
  StreamMemory& operator=(const StreamMemory&) = delete;
  std::byte* get() const { return static_cast<std::byte*>(place_); }

 private:
  void* place_ = nullptr;
  cudaStream_t stream_;
};

/// Takes `count` numbers of type T from `used` on; every table begins at 256 bytes.
template <class T>
std::size_t reserve(std::size_t& used, std::size_t count) {
  const std::size_t at = used;
  used += (count * sizeof(T) + 255) / 256 * 256;
  return at;
}

template <class T>
void upload(T* to, const T* from, std::size_t count, cudaStream_t stream) {
  check(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyHostToDevice, stream),
        "tables of the fused pass");
}

}  // namespace

template <class Memory, class Gradient>
void fused_pass(std::span<const PassMatrix<Memory, Gradient>> matrices, double* squares,
                cudaStream_t stream) {
  using Work = typename PassMatrix<Memory, Gradient>::Work;
  if (matrices.empty()) return;
  for (const auto& m : matrices) {
    if (m.rows == 0 || m.columns == 0 || m.rank > 64 || m.pending.rank > 64) {
      throw std::logic_error("the fused pass takes matrices that are not empty, and ranks up to 64");
    }
  }
  const device::PassPlan plan = device::plan_pass(matrices);
  if (plan.pieces.size() > std::size_t{std::numeric_limits<int>::max()} || matrices.size() > 65535) {
    throw std::logic_error("the fused pass takes up to 65535 matrices at a time");
  }
  std::size_t bytes = 0;
  const std::size_t at_matrices = reserve<PassMatrix<Memory, Gradient>>(bytes, matrices.size());
  const std::size_t at_pieces = reserve<device::PassPiece>(bytes, plan.pieces.size());
  const std::size_t at_first = reserve<std::size_t>(bytes, plan.first_piece.size());
  const std::size_t at_squares = reserve<double>(bytes, plan.pieces.size());
  const std::size_t at_scratch = reserve<Work>(bytes, plan.scratch);
  const StreamMemory memory(bytes, stream);
  const PassTables<Memory, Gradient> tables{
      reinterpret_cast<PassMatrix<Memory, Gradient>*>(memory.get() + at_matrices),
      reinterpret_cast<device::PassPiece*>(memory.get() + at_pieces),
      reinterpret_cast<std::size_t*>(memory.get() + at_first),
      reinterpret_cast<double*>(memory.get() + at_squares),
      reinterpret_cast<Work*>(memory.get() + at_scratch)};
  upload(tables.matrices, matrices.data(), matrices.size(), stream);
  upload(tables.pieces, plan.pieces.data(), plan.pieces.size(), stream);
  upload(tables.first_piece, plan.first_piece.data(), plan.first_piece.size(), stream);
  pass_pieces<Memory, Gradient>
      <<<static_cast<unsigned>(plan.pieces.size()), device::kThreads<Work>, 0, stream>>>(tables);
  check(cudaGetLastError(), "fused pass");
  const dim3 grid(kBlocksAMatrix, static_cast<unsigned>(matrices.size()));
  add_pieces<Memory, Gradient><<<grid, kThreads, 0, stream>>>(tables, squares);
  check(cudaGetLastError(), "sums of the fused pass");
}

template void fused_pass(std::span<const PassMatrix<float, float>>, double*, cudaStream_t);
template void fused_pass(std::span<const PassMatrix<double, double>>, double*, cudaStream_t);
template void fused_pass(std::span<const PassMatrix<float, Bfloat16>>, double*, cudaStream_t);
template void fused_pass(std::span<const PassMatrix<Bfloat16, float>>, double*, cudaStream_t);
template void fused_pass(std::span<const PassMatrix<Bfloat16, Bfloat16>>, double*, cudaStream_t);

}  // namespace laser::cuda
