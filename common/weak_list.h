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

    // Those that live, in the order in which they were added. Whoever lets go of the last owner of one
    // destroys it: best outside the lock. May throw std::bad_alloc.
    std::vector<std::shared_ptr<T>> alive() const {
        std::vector<std::shared_ptr<T>> found;
        for (const std::weak_ptr<T>& one : objects_)
            if (auto object = one.lock())
                found.push_back(std::move(object));
        return found;
    }

private:
    std::vector<std::weak_ptr<T>> objects_;
};

} // namespace hwalloc
