#include "core/http/compression.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

namespace analytics::http {
namespace {

constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kFast = 5;

// Ends the stream of zlib whatever happens.
struct Inflate {
    z_stream stream{};
    Inflate() {
        if (inflateInit2(&stream, kGzip) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    ~Inflate() { inflateEnd(&stream); }
    Inflate(const Inflate&) = delete;
    Inflate& operator=(const Inflate&) = delete;
};

// The weight of the first element that names the coding (1 unless it says q=), or -1.
double weight(std::string_view list, std::string_view coding) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        const std::string_view element = list.substr(0, comma);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        const auto semicolon = element.find(';');
        if (!equal_ignoring_case(trim(element.substr(0, semicolon)), coding)) {
            continue;
        }
        const auto q = semicolon == std::string_view::npos ? semicolon : element.find("q=", semicolon);
        // 0, 0.0, 0.00 and 0.000 forbid it; anything else is a preference
        return q != std::string_view::npos && element.substr(q + 2).find_first_not_of("0. \t") == std::string_view::npos
                   ? 0
                   : 1;
    }
    return -1;
}

}  // namespace

Gunzip gunzip(std::string_view compressed, std::size_t limit, std::string& out) {
    out.clear();
    if (compressed.size() > std::numeric_limits<uInt>::max()) {
        return Gunzip::too_large;
    }
    Inflate inflating;
    z_stream& stream = inflating.stream;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
    stream.avail_in = static_cast<uInt>(compressed.size());
    std::array<char, 65536> piece{};
    for (;;) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = piece.size();
        const int result = inflate(&stream, Z_NO_FLUSH);
        const std::size_t made = piece.size() - stream.avail_out;
        if (made > limit - out.size()) {
            return Gunzip::too_large;
        }
        out.append(piece.data(), made);
        if (result == Z_STREAM_END) {
            if (stream.avail_in == 0) {
                return Gunzip::done;
            }
            if (inflateReset(&stream) != Z_OK) {
                return Gunzip::broken;
            }
        } else if (result != Z_OK || (made == 0 && stream.avail_in == 0)) {
            return Gunzip::broken;
        }
    }
}

std::string gzip(std::string_view text) {
    z_stream stream{};
    if (deflateInit2(&stream, kFast, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::bad_alloc();
    }
    std::string out;
    out.resize(deflateBound(&stream, text.size()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) {
        throw std::runtime_error("deflate failed");
    }
    return out;
}

bool accepts_gzip(const Fields& fields) {
    const auto accepted = fields.find("Accept-Encoding");
    if (!accepted) {
        return false;
    }
    double gzip = weight(*accepted, "gzip");
    if (gzip < 0) {
        gzip = weight(*accepted, "*");
    }
    return gzip > 0;
}

}  // namespace analytics::http
