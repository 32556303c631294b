extension SpamModel {
    /// Learns one lesson. The same lessons in the same order on the same model give the same model, byte for byte.
    package mutating func learn(_ lesson: Lesson) {
        guard lesson.weight > 0 else { return }
        let scores = viewScores(lesson.features)
        fusion.learn(scores, isSpam: lesson.isSpam, rate: 0.02 * lesson.weight)
        for (index, score) in scores.enumerated() {
            tables[index].learn(
                lesson.features.views[index], score: score, isSpam: lesson.isSpam, rate: 4 * lesson.weight,
                confident: 6)
        }
        examples &+= 1
    }
}
