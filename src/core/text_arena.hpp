// Puts texts that had to be made (unescaped, joined) into a batch's arena, many to one allocation.
#pragma once

#include "core/error.hpp"
#include "core/event.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace analytics {

class TextArena {
public:
    explicit TextArena(EventBatch& batch) : batch_(batch) {}

    // The parts, joined. The view lives as long as the batch: a chunk is never filled beyond what it reserved.
    std::string_view join(std::initializer_list<std::string_view> parts) {
        std::size_t size = 0;
        for (const std::string_view part : parts) size += part.size();
        total_ += size;
        if (total_ > kMaxTotal) {
            throw Error(Code::limit_exceeded, "properties repeated on every line of the payload exceed 512 MiB")
                .hint("Send it in several calls.");
        }
        if (chunk_ == nullptr || chunk_->capacity() - chunk_->size() < size) {
            chunk_ = &batch_.arena.emplace_back();
            chunk_->reserve(std::max(size, next_size_));
            next_size_ = std::min(next_size_ * 8, kMaxChunkSize);
        }
        const std::size_t offset = chunk_->size();
        for (const std::string_view part : parts) chunk_->append(part);
        return std::string_view(*chunk_).substr(offset);
    }

    std::string_view keep(std::string_view text) { return join({text}); }

private:
    static constexpr std::size_t kMaxChunkSize = 256 << 10;
    static constexpr std::size_t kMaxTotal = 512
                                             << 20;  // few bytes can ask for many: each line has its event's properties

    EventBatch& batch_;
    std::string* chunk_ = nullptr;
    std::size_t next_size_ = 512;  // grows: most payloads are one small event
    std::size_t total_ = 0;
};

}  // namespace analytics
