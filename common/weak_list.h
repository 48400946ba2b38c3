// Objects that others own, to be found again as long as they live. The caller locks.
#pragma once

#include <memory>
#include <vector>

namespace hwalloc {

template<class T>
class WeakList {
public:
    // May throw std::bad_alloc.
    void add(const std::shared_ptr<T>& object) {
        std::erase_if(objects_, [](const std::weak_ptr<T>& one) { return one.expired(); });
        objects_.push_back(object);
    }

    // Those that live, in the order in which they were added. The caller may be the last owner of each, and
    // lets go of it outside the lock. May throw std::bad_alloc.
    std::vector<std::shared_ptr<T>> alive() const {
        std::vector<std::shared_ptr<T>> found;
        found.reserve(objects_.size()); // first: a refusal later on would let go of them in here
        for (const std::weak_ptr<T>& one : objects_)
            if (auto object = one.lock())
                found.push_back(std::move(object));
        return found;
    }

private:
    std::vector<std::weak_ptr<T>> objects_;
};

} // namespace hwalloc
